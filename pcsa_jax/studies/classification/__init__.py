"""AD/CN classification with synthetic PET (paper 4.8, Table 3, Fig. 6): arms, training, statistics, tables, figures."""
